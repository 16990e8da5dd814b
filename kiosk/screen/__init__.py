"""A kiosk's screen: where somebody is, what is drawn, and what is pressed."""
