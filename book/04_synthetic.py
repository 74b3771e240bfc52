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
# # 4. Synthetic data
#
# There are 154 sonnets by Shakespeare; a larger model will write as many more as one likes. The paper adds sonnets by
# Gemini 2.5 Flash Lite, Flash and Pro to the training set of GPT-2 Small, and finds that Flash, not Pro, makes the
# best student: a stronger teacher is not always better. This chapter looks at what the teachers wrote, line by line,
# trains students with and without what should not have been in there, and adds a teacher that nobody asked: other
# poets.

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
from frugal_lib.chapters.synthetic import claims, figures, tables, text
from frugal_lib.chapters.synthetic import results as synthetic
from frugal_lib.profiles import load_profile
from frugal_lib.report import drawing, html, spot_check, verdict

settings = load_profile(profile)
folder = settings.results_folder(results)
records = registry.records_of("synthetic", settings, folder, seed, device)
found = synthetic.synthetic_results(records)
command = f"python -m frugal_lib sweep synthetic --profile {profile}"
html.say("synthetic_verdict", text.synthetic_sentence(found))

# %% [markdown]
# ## What survives
#
# The paper's claims about synthetic data, and what our records say of them. Losses are those of the true lines 4–14
# of the test sonnets; differences are paired by sonnet and by seed, and the words in the second column follow from
# the intervals. A test sonnet that stands in the lessons counts where it says “as released”, as in the paper.

# %%
html.table(verdict.verdict_table(claims.synthetic_verdicts(found)), "Claims of the paper about synthetic data")

# %%
html.say("synthetic_how", text.synthetic_how(found))
html.source_line(found.records, folder, command)

# %% [markdown]
# ## What the teachers wrote
#
# ### Copies
#
# Every line of every file is compared with Shakespeare's, letter by letter: case, punctuation, indentation and
# spellings such as *dimm'd* are not minded. A line is nearly another's where three quarters of its words are the same,
# in order. The last row is Shakespeare himself: what the audit finds where everything is a copy.

# %%
html.say("synthetic_copies", text.copies_sentence(found))
html.table(tables.copies_table(found, folder), "What the files have from Shakespeare")

# %% [markdown]
# The same for any two files: `python -m frugal_lib audit SYNTHETIC --against HELDOUT`.
#
# ### Where the paper's best score comes from

# %%
html.say("synthetic_generations", text.generation_sentence(found))
drawing.show(figures.generations_chart(found), settings.figures_folder, "04_generations")

# %%
html.table(tables.generation_table(found), "The released generations of the student of Flash, one by one")

# %% [markdown]
# A copy to look at. Marked lines are those of the true sonnet; a student was given the first three.

# %%
text.copies_to_see(found)

# %% [markdown]
# ### Form
#
# The paper's Table 4 calls a sonnet perfect when it has fourteen lines and all seven pairs of ABAB CDCD EFEF GG rhyme
# in the CMU Pronouncing Dictionary. The other columns ask for less and for more: pairs counted one by one, with Early
# Modern endings known (*grow'st*, *fadeth*); the whole scheme, no rhyme where none belongs; lines that can be read as
# iambic pentameter.

# %%
html.say("synthetic_form", text.form_sentence(found))
html.table(tables.form_table(found, folder), "Table 4: perfect sonnets, and what else there is to form")

# %% [markdown]
# ### Cost
#
# What the paper paid for a thousand sonnets, and what the letters it got cost at list price: prompts, rejected answers
# and thinking are not in it. With a key, `python -m frugal_lib teach gemini-2.5-flash --out sonnets.json --budget 1`
# has a thousand written anew, and counts what they really cost.

# %%
html.table(tables.cost_by_teacher(found), "Cost by teacher")

# %% [markdown]
# ## What the students learned
#
# The paper's Figure 3: chrF of students by number of synthetic sonnets, and the gain in per cent.

# %%
drawing.show(figures.gains_chart(found), settings.figures_folder, "04_gains")

# %% [markdown]
# The loss on the true lines tells more, and on the test sonnets nothing was chosen.

# %%
drawing.show(figures.losses_by_number(found), settings.figures_folder, "04_losses")

# %%
html.table(tables.student_table(found, folder), "Every student")

# %% [markdown]
# ### The leak, sonnet by sonnet
#
# Two students that differ in nothing but the sonnets that share text with dev or test. Early stopping ends before much
# is learned by heart; the paper trained on, for up to twenty epochs at a rate of 1e-3. The students called “long” are
# trained at that rate without stopping.

# %%
html.say("synthetic_leak", text.leak_sentence(found))
drawing.show(figures.leak_chart(found), settings.figures_folder, "04_leak")

# %%
html.table(tables.leak_table(found, found.bases[-1], long=True), "Dev sonnets of the long students of Flash")

# %% [markdown]
# ### Would stricter filters help?
#
# The paper leaves it open whether stricter rules of rhyme and metre would make better lessons. Here students read only
# sonnets of strict form, beside others that read as many, drawn by lot from the same teacher.

# %%
html.table(tables.strict_table(found, folder), "Lessons of strict form")

# %% [markdown]
# ### What else they still know
#
# The paper's Table 7 asks the students about paraphrases through a head that was never trained; what that measures
# is shown in [chapter 3](03_quantization). Beside it are that chapter's measures, which can fail.

# %%
html.table(tables.transfer_table(found, folder), "Table 7: sonnets, and other tasks")

# %% [markdown]
# ## Spot check
#
# One run of this chapter, the quickest of its kind, computed from scratch in this build and compared with its record.
# `python -m frugal_lib verify --rerun kinds` does that with a run of every kind.

# %% tags=["remove-stderr"]
then, now = registry.spot_check("synthetic", records, device)
html.say("synthetic_spot", spot_check.spot_sentence(then, now))
html.table(spot_check.spot_table(then, now))
