"""The chapters of the page: from what was collected to words, tables and figures."""
