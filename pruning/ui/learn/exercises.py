"""The exercises of the Learn page: a link that sets the app, and one question."""

from typing import NamedTuple

from pruning.experiment import Recipe

CALIBRATION = 300  # few, so that what is measured takes seconds


class Exercise(NamedTuple):
    """page: where its link leads.   recipe: what the link sets.   look: what it opens there besides.
    question: in Markdown.   measured: whether the answer is measured when it is asked for; else it is there.
    """

    title: str
    page: str
    recipe: Recipe
    look: dict[str, str]
    question: str
    measured: bool = False

    @property
    def query(self) -> dict[str, str]:
        return self.recipe.to_query() | self.look


def of(**fields) -> Recipe:
    """The best combination with these fields changed, of which the most comes with the project."""
    return Recipe().but(**fields)


EXERCISES = {
    "two-criteria": Exercise(
        "The same cut by two criteria: who is right?",
        "Start",
        of(criterion="catro"),
        {"beside": "l1"},
        "CATRO and L1 norm cut half of the work. Count the red images of both, then switch on the repair. "
        "Which "
        "criterion would you recommend, and how sure are you?",
    ),
    "good-widths": Exercise(
        "Can good widths save a bad choice of channels?",
        "Compare",
        of(),
        {"stage": "cut"},
        "An allocation says how many channels go where, a criterion says which. In the comparison, look at "
        "*random* channels with widths by reconstruction error, and at L1 norm with the same ratio "
        "everywhere. "
        "Which matters more, right after the cut and once repaired?",
    ),
    "equal-accuracy": Exercise(
        "Is equal accuracy the same network?",
        "Start",
        of(criterion="reconstruction"),
        {"beside": "l1"},
        "At half of the work, without repair, Reconstruction and L1 norm have almost equally many images "
        "right. "
        "Are they the same images? What would that mean for somebody who replaces one network by the other?",
    ),
    "macs-and-time": Exercise(
        "Half of the MACs: half of the time?",
        "Compare",
        of(),
        {"against": "latency"},
        "Every run of this comparison cuts half of the multiply-accumulates. Put accuracy against latency. "
        "Is the "
        "network twice as fast? What else takes time?",
    ),
    "schedule-alone": Exercise(
        "Two humps prove nothing",
        "Gates",
        Recipe(criterion="gdp", options=(("control", "frozen"),), data="digits", epochs=2),
        {},
        "Here no gate can move: the control *frozen*. Train and watch the histogram of g. What moves it? "
        "And what "
        "would have to be seen before you believe that a method polarizes?",
    ),
    "wreck": Exercise(
        "What does a broken network still know?",
        "Start",
        of(cut=0.6),
        {},
        "60 % of the work is cut. How many images are right? Switch on **Repair (no labels)**. Nothing new "
        "was "
        "taught: where was the knowledge?",
    ),
    "few-bits": Exercise(
        "How few bits?",
        "Compress",
        of(bits=4.0),
        {},
        "Lower the bits per weight from 8 to 4 and to 2.25. Where does accuracy give way, and does it matter "
        "whether every channel gets the same bits?",
    ),
    "shuffled-labels": Exercise(
        "Do the labels matter?",
        "Channels",
        Recipe(criterion="di", data="digits", calibration=CALIBRATION),
        {},
        "DI uses labels. Guess: how many of its cut channels would be others if the labels were shuffled? "
        "And "
        "would the network be worse? Then measure it, here or at the bottom of the page.",
        measured=True,
    ),
    "three-classes": Exercise(
        "A network for three classes",
        "Compress",
        Recipe(
            criterion="catro",
            subtask=(3, 5, 8),
            cut=0.7,
            measure="channels",
            data="digits",
            calibration=CALIBRATION,
        ),
        {},
        "Only the digits 3, 5 and 8 are to be told apart, and 70 % of the channels go. Do channels that were "
        "chosen for these classes serve them better? How many images decide that?",
        measured=True,
    ),
    "repair-or-train": Exercise(
        "Repair or train?",
        "Prune",
        Recipe(
            criterion="l1", cut=0.6, repair="reconstruct", epochs=1, data="digits", calibration=CALIBRATION
        ),
        {},
        "60 % of the work is cut. On one side least-squares reconstruction from 300 images without a label; "
        "on "
        "the other an epoch of fine-tuning with all labels. Which ends higher?",
        measured=True,
    ),
}
