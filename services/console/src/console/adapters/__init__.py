"""The services' APIs, the issuer and the sealed cookies."""
