"""`torch.version`: which libraries this was built with. None."""

from teachgrad import __version__ as __version__

cuda = hip = xpu = git_version = None
debug = False
