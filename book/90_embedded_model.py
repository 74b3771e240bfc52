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
# # Appendix. The embedded model
#
# Everything in this book can be rerun on two CPU cores and without a model hub, because two small GPT-2 models come
# with it: *micro*, the base of every chapter, and *nano*, for questions of capacity. If they were not language models
# worth the name, nothing that happens to them would mean much. So this page asks: do they predict text better than
# counting word sequences does?

# %% tags=["hide-cell"]
# Only in Colab: fetch this version of the project and install what is missing; Colab's torch stays as it is. Running
# the cell again does no harm, and goes on where it was interrupted.
import importlib.util
import os
import subprocess
import sys

if importlib.util.find_spec("google") and importlib.util.find_spec("google.colab"):
    version = os.environ.get("FRUGAL_VERSION", "v0.1.0")  # a tag or a commit
    repository = os.environ.get("FRUGAL_REPOSITORY", "https://github.com/frugal-gpt2/frugal-gpt2")
    if not os.path.isfile("frugal_lib/colab.py"):  # else this cell has run before, or the project is here already
        os.makedirs("frugal-gpt2", exist_ok=True)
        for words in ("init --quiet", f"fetch --quiet --depth 1 {repository} {version}", "checkout --quiet FETCH_HEAD"):
            subprocess.run(["git", "-C", "frugal-gpt2", *words.split()], check=True)
        os.chdir("frugal-gpt2")
        sys.path.insert(0, os.getcwd())
    subprocess.run([sys.executable, "-m", "frugal_lib.colab"], check=True)

# %% tags=["parameters"]
profile = "micro"  # smoke, micro or paper: decides where the figures go
seed = 0  # this one and the two below: as in every chapter, without an effect here
device = "auto"
results = ""

# %% tags=["remove-stderr"]
from frugal_lib.chapters.embedded import figures, recall
from frugal_lib.chapters.embedded import results as embedded
from frugal_lib.data.sonnets import EDITIONS, available_edition, load_sonnets
from frugal_lib.metrics import reference_models
from frugal_lib.profiles import load_profile
from frugal_lib.report import drawing, html
from frugal_lib.report.cells import cell

settings = load_profile(profile)
found = reference_models.load()

# %% tags=["hide-input"]
micro = embedded.training("micro")
html.say(
    "embedded_base",
    f"The embedded base, *micro*, is a GPT-2 of {micro['parameters'] / 1e6:.1f} million parameters. It was trained for "
    f"this book on {micro['curve'][-1]['tokens'] / 1e6:.0f} million tokens of {micro['corpus']['works']} English works "
    f"of prose and verse in the public domain ({micro['corpus']['held_out_works']} more were held out), without a line "
    "of the sonnets, in "
    f"{micro['seconds'] / 60:.0f} minutes on {micro['machine']['threads']} CPU threads.",
)

# %% tags=["hide-input"]
best, sentences = embedded.best_ngram(found), []
for place, rows in embedded.text_sets(found).items():
    bits = {name: cell(embedded.bits_interval(rows, name), 3) for name in ("micro", "nano", best)}
    sentences.append(
        f"On the {len(rows)} {place}, micro needs {bits['micro']} bits per character, nano {bits['nano']} and the best "
        f"n-gram model ({embedded.SCORER_NAMES[best]}) {bits[best]}: micro saves "
        f"{cell(embedded.saving(rows, 'micro', best), 1)} % of the n-gram model's bits."
    )
html.say("embedded_finding", " ".join(sentences))

# %% [markdown]
# ## Against n-grams
#
# An interpolated n-gram model with modified Kneser-Ney smoothing was for decades the best that counting could do. It
# was trained on the same text, all of it, in the same tokens.

# %% tags=["hide-input"]
works = embedded.text_sets(found)[next(iter(embedded.text_sets(found)))]
saved = {name: embedded.saving(works, name, best).mean for name in ("micro", "nano")}
below = (
    "On held-out works, "
    + " and ".join(f"{name} needs {share:.0f} % fewer bits" for name, share in saved.items())
    + " than the best model that counts sequences of words."
)
drawing.show(
    figures.embedded_chart(found),
    settings.figures_folder,
    "90_embedded",
    f"{below} Left: loss on the held-out works along "
    "pre-training; dashed, an n-gram model trained on all of the text. Right: a dot for each held-out work; below the "
    "diagonal the base needs fewer bits.",
)

# %%
html.table(embedded.bits_table(found), "Bits per character, lower is better", below)

# %% tags=["hide-input"]
characters = sum(row["characters"] for row in found["works"])
html.say(
    "embedded_how",
    f"*How it was measured.* {len(found['works'])} works ({characters / 1e6:.1f} M characters) selected by the hash of "
    "their path and never trained on; sonnets 132–143, lines 4–14 given lines 1–3 "
    f"({EDITIONS[reference_models.main_edition(found)]}). All models read the same tokens and were trained on the same "
    f"{found['training_tokens'] / 1e6:.1f} M of them, the n-gram models on all, with modified Kneser-Ney smoothing. A "
    "language model reads windows of its context length that overlap by half. Intervals are 95 %, works or sonnets "
    "taken as random draws; the saving is paired by work or sonnet.",
)
html.embedded_source("python -m frugal_lib yardsticks CORPUS_DIR", found["environment"], ["yardsticks.json"])

# %% [markdown]
# ## Two sizes of one family
#
# Same tokenizer, same text, same recipe. The model card on the page [About](about) says more.

# %% tags=["hide-input"]
corpus = micro["corpus"]
html.say(
    "embedded_corpus",
    f"The text is {corpus['works'] + corpus['held_out_works']} works of English verse, prose and drama in the public "
    f"domain: {corpus['works']} to train on, {corpus['held_out_works']} held out. None has a line of Shakespeare's "
    "sonnets, or eight of their words in a row: the command that trains checks that first, and refuses a folder that "
    "has any.",
)

# %%
ends = {name: embedded.training(name)["curve"][-1]["valid"] for name in ("micro", "nano")}
html.table(
    embedded.family_table(),
    "The embedded models",
    f"On held-out works {' and '.join(f'{name} ends at {loss:.2f}' for name, loss in ends.items())} nats per token.",
)

# %%
files = ["micro/training.json", "nano/training.json"]
command = "python -m frugal_lib pretrain CORPUS_DIR --size micro (and nano)"
html.embedded_source(command, embedded.training_environment(), files)

# %% [markdown]
# ## How the recipe was chosen
#
# Short runs at equal computing time, about 110 seconds each, on the same two cores. They were run by a script that
# stopped by the clock; `pretrain` with the fields in the linked file repeats one of them. What wins in two minutes
# need not win in an hour, and a hundredth of a bit is noise; for the optimizer the difference is far larger than that.
# The final recipe takes sixteen windows per step: they lose almost nothing here, with far fewer steps, and read more
# text in the same time. The vocabulary has 7,040 tokens rather than 8,192, so that n-grams of five tokens can be
# counted.

# %%
recipes = embedded.recipe_table()
html.table(
    recipes,
    "Loss on held-out works after equal computing time, best first",
    f"Bits per character go from {recipes['bits per character'].iloc[0]} to {recipes['bits per character'].iloc[-1]}.",
)

# %%
search = embedded.recipe_search()
html.embedded_source(search["command"], search["environment"], ["recipes.json"])

# %% [markdown]
# ## What they write
#
# A sentence of prose and the opening of a sonnet that neither has seen, continued by each base as it is,
# without fine-tuning.

# %%
sonnet = load_sonnets(available_edition()).dev[0]
prose = "It was late in the evening when the old man came down to the river, and"
texts = embedded.samples({"prose": prose, "verse": sonnet.given + "\n"})
display(html.columns(texts["prose"], prose))
display(html.columns(texts["verse"], sonnet.given))

# %% tags=["hide-input"]
# Does a base know the sonnets by heart, which it is asked about in every chapter?
known = recall.records_on_file()
title = "Greedy continuation of lines 1–3 of all 154 sonnets; loss of lines 4–14 beside 154 sonnets by others as long"
recalled = [record for _, records in known.values() for record in records]
verbatim = [f"{r.metrics['lines_verbatim']:.0f} of {r.metrics['lines']:.0f} lines ({r.run.base})" for r in recalled]
said = f"Word for word come back {', '.join(verbatim)}." if verbatim else ""
display(html.table(recall.recall_table(recalled), title, said))
for name, (one, records) in known.items():
    display(html.source_line(records, one.results_folder(), f"python -m frugal_lib sweep baseline --profile {name}"))

# %% [markdown]
# ## Spot check
#
# The dev sonnets' bits per character, computed again in this build from the weights.

# %% tags=["remove-stderr"]
check = embedded.sonnet_check(found)
html.table(
    check,
    "Bits per character of the dev sonnets, as recorded and computed again",
    f"Computed again, they differ by at most {check['difference'].astype(float).abs().max():.0e}.",
)
