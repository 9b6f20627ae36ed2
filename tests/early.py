"""A plugin of pytest's that comes before all others, some of which import numpy: the tests compute as the pipeline does."""

from tast import instruction_set

instruction_set.choose(instruction_set.wanted())
