"""The exercises: for each chapter a module ``chNN_…`` with a tuple ``EXERCISES``, in book order.

Where a chapter has many, each topic has a module in a folder beside it (``foundations``).
"""
