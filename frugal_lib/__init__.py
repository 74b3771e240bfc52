"""What actually breaks when GPT-2 gets frugal? The library behind the book.

Nothing heavy is imported here, so that `import frugal_lib` stays cheap.
"""

import logging

for name in ("torchao", "torch.utils._pytree", "bitsandbytes"):  # what they lack of kernels is no news to anyone
    logging.getLogger(name).setLevel(logging.ERROR)

__version__ = "0.1.0"
