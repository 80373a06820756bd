"""The exercises, one module a chapter. Each holds a tuple ``EXERCISES``, in the book's order."""
