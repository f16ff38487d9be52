"""Charts as Vega-Lite specifications: one value for the page and for papers. No file is read or written here."""
