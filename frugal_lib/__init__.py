"""What actually breaks when GPT-2 gets frugal? The library behind the book.

Nothing heavy is imported here, so that `import frugal_lib` stays cheap.
"""

__version__ = "0.1.0"
