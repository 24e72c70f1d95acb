"""The most tokens one image can count as: providers scale images down, so it does not depend on their size."""

import re
from functools import lru_cache

from app.pricing.price_table import bare_name
from app.pricing.resources import read_figures


@lru_cache(500)
def most_image_tokens(model: str) -> int | None:
    """The ceiling of one image for a model, whoever sells it; None where no page gives one."""
    name = bare_name(model).lower()
    for figure in read_figures("images")["images"]:
        if re.search(rf"(?:^|[./:])(?:{figure['models']})", name):
            return int(figure["most_tokens"])
    return None
