"""A results folder with the settings that it is made with: what every stage works on."""

from typing import NamedTuple

from analysis.folder.folder import Folder
from analysis.settings.search import Search
from tools.samples import Catalogue


class Project(NamedTuple):
    """A results folder with the settings that it is made with."""

    folder: Folder
    catalogue: Catalogue
    search: Search
