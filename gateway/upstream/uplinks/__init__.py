"""Roads to a platform: `contract.py` says what one is, the others are one protocol each."""
