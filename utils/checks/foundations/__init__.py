"""The exercises of chapter 01, one module a topic; `utils.checks.ch01_foundations` lists them."""
