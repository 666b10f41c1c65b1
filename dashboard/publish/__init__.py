"""What a reader takes away: plots as HoloViews objects, figures in print, movies, tables and archives."""
