"""How each kind of plot is drawn. Nothing else touches Bokeh models, and these only from the document's callbacks."""
