"""Arrays in, histograms out: kinematics, selection and the coffea processor that composes them."""
