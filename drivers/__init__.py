"""Field drivers. They import nothing of the gateway and can be used without it."""
