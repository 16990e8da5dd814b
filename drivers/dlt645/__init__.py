"""DL/T 645-2007: electricity meters on RS-485, read, set and switched."""
