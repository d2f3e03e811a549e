"""What marketdata computes: records checked, mapped to the fleet's rows, completed, and folded into bars.

A slice goes through two passes. `check.check` looks at every record and changes nothing that is remembered;
it also says how much room the results need. `publish.publish` cannot fail any more and folds the slice into
the state.
"""
