"""The type of most arrays, for whoever takes or returns one."""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
