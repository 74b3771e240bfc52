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
from frugal_lib.chapters import registry
from frugal_lib.chapters.baseline import sonnets
from frugal_lib.chapters.what_breaks import (
    answers,
    capacity,
    chance,
    claims,
    contamination,
    figures,
    first_measurement,
    power,
)
from frugal_lib.profiles import load_profile
from frugal_lib.report import drawing, html, spot_check

settings = load_profile(profile)
folder = settings.results_folder(results)
names = ("baseline", "lora", "quantization", "synthetic", "what_breaks")
records = {name: registry.records_of(name, settings, folder, seed, device) for name in names}
book, rows = claims.book_of(records), sonnets.score_rows(records["baseline"])
controls = records["what_breaks"]
doses = contamination.dose_results(controls)
html.say("answers", answers.answers(book, rows))
html.say("claims_count", claims.claim_sentence(book))
html.source_line(controls, folder, f"python -m frugal_lib sweep what_breaks --profile {profile}")

# %% [markdown]
# ## The claims

# %%
html.keep("claims", html.table(claims.claim_table(book)), "The claims of the paper and their verdicts")

# %%
html.say("claims_how", claims.claim_how())

# %%
html.say("takeaways", power.takeaways(book, rows, doses))

# %% [markdown]
# ## The floor under every score
#
# chrF counts the characters that two texts share, the given lines included. Random lines of training sonnets know
# nothing of the sonnet that they complete.

# %%
drawing.show(figures.floors_chart(book, rows), settings.figures_folder, "05_floors")

# %%
html.say("released_files", power.released_sentence(book))

# %% [markdown]
# ## How far chance moves a score
#
# One completion of one dev sonnet: how much of the variance of its chrF is the sonnet's, the training seed's and that
# of sampling, and the standard deviation of the score of twelve sonnets that is left when one model is trained once
# and samples once.

# %%
html.table(chance.variance_table(controls, folder), "Standard deviation of chrF by source, share of the variance")

# %% [markdown]
# Who looks at many such scores and reports the highest, reports luck. The best of so many draws of one and the same
# thing, on average, and in brackets where 95 % of such bests lie:

# %%
html.table(chance.luck_table(book, controls), "dev chrF of the best of so many draws")

# %%
html.say("luck", chance.luck_sentence(book))

# %% [markdown]
# ## What twelve sonnets can show
#
# The generations that the paper released, compared sonnet by sonnet: an exact test takes all flips of sign (4,096 for
# twelve sonnets). The last column is the difference that such a test finds four times in five.

# %%
html.table(power.release_table(book), "The paper's released generations against each other")

# %% [markdown]
# The same test on this book's models, whose scores are means over seeds and samples; and on the likelihood of the true
# lines, which needs no samples:

# %%
html.table(chance.exact_table(book), "This book's models against each other")

# %%
html.say("exact", chance.exact_sentence(book))

# %% [markdown]
# How many sonnets a paired test would need to find the differences that the paper draws conclusions from, were they
# real, at the spread between two of its released models:

# %%
html.table(power.power_table(book), "Sonnets needed for 80 % power")

# %% [markdown]
# ## Held-out text in the lessons, dose by dose
#
# [Chapter 4](04_synthetic) finds dev and test sonnets in the file that the paper's best student learned from. How much
# of that does it take? Here dev sonnets are put into clean lessons on purpose.

# %%
html.say("doses", contamination.dose_sentence(doses))
drawing.show(figures.doses_chart(doses, book.synthetic), settings.figures_folder, "05_doses")

# %%
html.say("doses_file", contamination.file_sentence(doses, book.synthetic))

# %%
html.table(contamination.dose_table(doses, folder), "Copies of a dev sonnet in the lessons, and what becomes of it")

# %% [markdown]
# The same number of copies of more and more sonnets: what it does to these, to the others, and to the score of all.

# %%
html.table(contamination.number_table(doses, folder), "The same copies of more and more of the dev sonnets")

# %%
html.say("doses_how", contamination.dose_how(doses))

# %% [markdown]
# ## Measures that can see
#
# Full fine-tuning on the test sonnets beside what it should differ from, by six measures; and how many sonnets each of
# them would need to find that difference four times in five. The last column is the severest: eleven lines on end by
# Shakespeare, of another sonnet.

# %%
html.table(power.metric_table(controls), "Tuned models beside the base, random lines and Shakespeare")

# %% [markdown]
# ## Capacity
#
# The paper explains why Pro teaches worse by the size of GPT-2 Small. The takeaways on both of our bases, and the
# larger minus the smaller:

# %%
html.table(capacity.capacity_table(book), "The three takeaways on two sizes")

# %%
html.say("capacity", capacity.capacity_sentence(book))

# %% [markdown]
# ## Checked against a first measurement
#
# Before the book was written its main figures were measured once with other code. Both are shown, with their spread or
# a unit of the last digit, and where they disagree, why.

# %%
html.table(first_measurement.check_table(book, rows, controls), "Figures measured twice")

# %% [markdown]
# ## Spot check
#
# One run of this chapter, the quickest of its kind, computed from scratch in this build and compared with its record.
# `python -m frugal_lib verify --rerun kinds` does that with a run of every kind.

# %% tags=["remove-stderr"]
then, now = registry.spot_check("what_breaks", controls, device)
html.say("controls_spot", spot_check.spot_sentence(then, now))
html.table(spot_check.spot_table(then, now))
