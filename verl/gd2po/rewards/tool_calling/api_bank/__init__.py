"""The scorer of API-Bank: a response and an item in, published and strict scores out."""
