// A mistake of the user: one clear message, no stack trace, nothing left among the results.
class Stop extends RuntimeException {

    Stop(String message) {
        super(message)
    }

    // what was found, where, what was expected, what to do: the same form as the Python package's
    static Stop at(String where, String found, String todo = null) {
        return new Stop("${where}: ${found}." + (todo ? " What to do: ${todo}${todo.endsWith('?') ? '' : '.'}" : ''))
    }
}
