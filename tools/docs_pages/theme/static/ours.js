// Browsers let no page read another from the disk, which is where summaries of findings come from.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
