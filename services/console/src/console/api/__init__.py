"""The pages over HTTP. Signing in, the pages themselves, and what the machine asks for."""

from console.api.app import make_api

__all__ = ["make_api"]
