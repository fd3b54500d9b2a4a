/*
 * Announces that a thread is about to block, on opencode or on a lock. A front end that keeps few
 * threads awake then wakes another one in its place.
 *
 * Checks made while serving one batch of requests stay valid until the thread blocks.
 */
#ifndef BLOCKING_H
#define BLOCKING_H

/*
 * Sets the function that blocking_begin() calls in the blocking thread; NULL: none. Call it
 * before any thread starts.
 */
void blocking_hook(void (*hook)(void));

/* Announces a wait that may take longer than answering a request does. */
void blocking_begin(void);

/* Starts a new generation. A front end calls it each time requests have arrived in this thread. */
void blocking_over(void);

/*
 * Returns the number of this thread's generation, which blocking_begin() and blocking_over()
 * change; 0: the front end does not call blocking_over().
 */
unsigned blocking_generation(void);

#endif
