package clock

// SleepOn is the wait of the clocks that somebody else moves.
var SleepOn = sleep
