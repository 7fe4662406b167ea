"""What all tests share: no example of a property test fails because the machine was busy."""

from hypothesis import settings

settings.register_profile("steady", deadline=None)
settings.load_profile("steady")
