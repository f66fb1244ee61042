"""Searching Chinese: text and question alike are cut into pairs of neighbouring characters.

Chinese has no spaces between words. Sphinx leaves finding words to a dictionary that has to be
installed beside it, and then finds only what that dictionary holds; pairs find any word of two
characters or more, as search engines do (the "CJK bigrams" of Lucene).
"""

from __future__ import annotations

import re

from sphinx.search.en import SearchEnglish

_RUN = re.compile(r"[一-鿿]+|[A-Za-z0-9_]+")


def pairs(text: str) -> list[str]:
    """The words of Latin letters in `text`, and its pairs of Chinese characters.

    Examples:
        >>> pairs("用 striate 迁移学习")
        ['用', 'striate', '迁移', '移学', '学习']
    """
    found = []
    for run in _RUN.findall(text):
        chinese = run[0] >= "一"
        found += [run[at : at + 2] for at in range(max(len(run) - 1, 1))] if chinese else [run]
    return found


class SearchPairs(SearchEnglish):
    """What Sphinx indexes Chinese pages with; the code for browsers does the same."""

    lang = "zh"
    language_name = "English"  # whose stemmer browsers are given
    js_splitter_code = """
function splitQuery(query) {
  const found = [];
  for (const run of query.match(/[\\u4e00-\\u9fff]+|[A-Za-z0-9_]+/g) || []) {
    if (run[0] < "\\u4e00" || run.length === 1) found.push(run);
    else for (let at = 0; at + 1 < run.length; at++) found.push(run.slice(at, at + 2));
  }
  return found;
}
"""

    def split(self, input: str) -> list[str]:
        """Terms of a text."""
        return pairs(input)

    def word_filter(self, word: str) -> bool:
        """Whether a term is worth indexing."""
        return word[0] >= "一" or bool(super().word_filter(word))
