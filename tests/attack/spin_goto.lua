-- A jump to itself.
-- expect: cpu
::again::
goto again
