"""The pages of sign-in: signing in and out, accounts, trusting the station's certificate.

- section.py          the addresses, with their permissions
- signin_pages.py     claim, password, PIN, one-time code, sign out
- account_pages.py    who has an account; for installers and the console
- trust_page.py       how a computer comes to trust the station's authority
"""
