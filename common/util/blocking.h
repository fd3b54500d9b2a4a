/*
 * Says that a thread is about to wait for others: opencode, or a lock. A front
 * end that has few threads awake at a time then wakes another one in its place.
 *
 * Between two waits lies a moment. What a thread has looked at since requests came
 * to it need not be looked at again for these requests, until it has waited.
 */
#ifndef BLOCKING_H
#define BLOCKING_H

/* What blocking_begin() is to call, in the thread that waits; NULL: nothing. Before any thread
 * starts.
 */
void blocking_hook(void (*hook)(void));

/* Called before each wait that can take longer than answering a request does. */
void blocking_begin(void);

/* Called by a front end each time that requests have come to this thread. */
void blocking_over(void);

/* This thread's moment, another number each time; 0: nobody says when requests come. */
unsigned blocking_generation(void);

#endif
