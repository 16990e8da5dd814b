"""The live page: what the station reads, stores and sends, as it happens."""
