/*
 * try_call.h
 *	  Calling something so that no error of it, and no hanging, stops the caller.
 */
#ifndef MERCH_TRY_CALL_H
#define MERCH_TRY_CALL_H

/* Calls nest at most this deep: a transition within the job of the clock. */
typedef enum TryLevel
{
	TRY_JOB,
	TRY_TRANSITION
} TryLevel;
#define TRY_LEVELS 2

typedef struct TryCall
{
	TryLevel	level;
	void		(*work) (void *argument);
	void	   *argument;
	Oid			user;			/* with whose rights; InvalidOid: the caller's */
	int			timeout_ms;		/* 0: none */
	MemoryContext context;		/* of what follows */
	char	   *error;			/* with detail and hint; NULL if it went well */
	char		error_code[6];
	bool		cancelled;		/* by somebody, not by the timeout */
	double		ms;
} TryCall;

/*
 * Calls work(argument) in a subtransaction, inside a transaction and an SPI connection.
 * True if it went well. A cancel that is not of its own timeout is an error of a job;
 * of what runs within a job it is passed on.
 */
extern bool merch_try(TryCall *call);

#endif
