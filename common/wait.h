/*
 * Says that a thread is about to wait for others: opencode, or a lock. A front
 * end that has few threads awake at a time then wakes another one in its place.
 */
#ifndef WAIT_H
#define WAIT_H

/* What wait_begin() is to call, in the thread that waits; NULL: nothing. Before any thread starts.
 */
void wait_hook(void (*hook)(void));

/* Called before each wait that can take longer than answering a request does. */
void wait_begin(void);

#endif
