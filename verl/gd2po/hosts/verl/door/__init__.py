"""The symbols of verl that are touched: ``manifest`` lists them, ``seam`` puts the wrappers in place."""
