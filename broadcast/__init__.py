"""The broadcast: orders, the guard, who sounds over whom, and what the community hears of it."""
