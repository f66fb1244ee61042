"""Published errors of whatever network a person names."""

from __future__ import annotations

from striate.hub.names import parse
from striate.zoo.published import Figure


def figures(text: str) -> tuple[Figure, ...]:
    """The figures of the network that `text` names; none for code, or where nobody published any.

    Examples:
        >>> figures("vgg16")[0].data
        'ILSVRC-2012 validation'
    """
    spec = parse(text)
    return () if spec.is_code else spec.library.figures(spec.name)
