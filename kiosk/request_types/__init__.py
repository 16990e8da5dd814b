"""The types of request that residents can make, one folder each; `kiosk/requests/` finds them."""
