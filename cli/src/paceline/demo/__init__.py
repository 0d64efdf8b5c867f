"""`paceline demo`: a whole system on this machine, and an organisation living on it."""

from paceline.demo.command import demo

__all__ = ["demo"]
