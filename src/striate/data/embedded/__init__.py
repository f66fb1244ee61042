"""Images that lie inside tables: Parquet and Arrow files, as Hugging Face's `datasets` writes."""
