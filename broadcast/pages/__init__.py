"""The desk's broadcast pages and the API of orders.

What they show, and what a person does there.
"""
