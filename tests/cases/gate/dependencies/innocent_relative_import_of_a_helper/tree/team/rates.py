from .base import x
from . import base
