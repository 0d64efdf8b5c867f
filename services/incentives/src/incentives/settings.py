"""Where this service's doors are; everything else stands in service_kit.settings."""

SERVICE = "incentives"
PORT = 8104
