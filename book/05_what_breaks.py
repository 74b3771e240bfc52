# ---
# jupyter:
#   jupytext:
#     cell_metadata_filter: tags
#     formats: ipynb,py:percent
#     notebook_metadata_filter: kernelspec,jupytext,-jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 5. What actually breaks
#
# Every claim of the paper in one table, tested with the records of chapters 1 to 4, and what the score that most of
# them rest on can show at all.

# %% tags=["hide-cell"]
# Only in Colab: fetch the project and install what is missing; Colab's torch stays as it is.
import importlib.util
import os
import subprocess
import sys

if importlib.util.find_spec("google") and importlib.util.find_spec("google.colab"):
    repository = os.environ.get("FRUGAL_REPOSITORY", "https://github.com/frugal-gpt2/frugal-gpt2")
    if not os.path.isdir("frugal-gpt2"):
        subprocess.run(["git", "clone", "--quiet", "--depth", "1", repository, "frugal-gpt2"], check=True)
    os.chdir("frugal-gpt2")
    sys.path.insert(0, os.getcwd())
    subprocess.run([sys.executable, "-m", "frugal_lib.colab"], check=True)

# %% tags=["parameters"]
profile = "micro"  # smoke, micro or paper
seed = 0  # the first seed
device = "auto"  # auto, cpu or cuda
results = ""  # folder of the records; empty: the profile's own

# %% tags=["remove-stderr"]
from frugal_lib import chapters, report
from frugal_lib.profiles import load_profile

settings = load_profile(profile)
folder = settings.results_folder(results)
names = ("baseline", "lora", "quantization", "synthetic")
records = {name: chapters.records_of(name, settings, folder, seed, device) for name in names}
book, rows = report.book_of(records), report.score_rows(records["baseline"])
report.say("claims_count", report.claim_sentence(book))

# %% [markdown]
# ## The claims

# %%
report.keep("claims", report.table(report.claim_table(book)), "The claims of the paper and their verdicts")

# %%
report.say("claims_how", report.claim_how())

# %%
report.say("takeaways", report.takeaways(book, rows))

# %% [markdown]
# ## The floor under every score
#
# chrF counts the characters that two texts share, the given lines included. Random lines of training sonnets know
# nothing of the sonnet that they complete.

# %%
report.show(report.floors_chart(book, rows), settings.figures_folder, "05_floors")

# %% [markdown]
# ## How far chance moves a score
#
# One completion of one dev sonnet, on the base of chapter 1: how much of the variance of its chrF is the sonnet's, the
# training seed's and that of sampling, and the standard deviation of the score of twelve sonnets that is left when one
# model is trained once and samples once.

# %%
report.table(report.variance_table(rows), "Standard deviation of chrF by source, share of the variance")

# %% [markdown]
# ## What twelve sonnets can show
#
# The generations that the paper released, compared sonnet by sonnet: an exact test takes all flips of sign (4,096 for
# twelve sonnets). The last column is the difference that such a test finds four times in five.

# %%
report.table(report.release_table(book), "The paper's released generations against each other")

# %% [markdown]
# How many sonnets a paired test would need to find the differences that the paper draws conclusions from, were they
# real, at the spread between two of its released models:

# %%
report.table(report.power_table(book), "Sonnets needed for 80 % power")

# %% [markdown]
# ## Metrics that can see
#
# Full fine-tuning beside the base and beside random lines, on the test sonnets of chapter 1, by six measures; and how
# many sonnets each of them would need to find that difference.

# %%
report.table(report.metric_table(rows), "What tells a tuned model from the base, and from random lines")
