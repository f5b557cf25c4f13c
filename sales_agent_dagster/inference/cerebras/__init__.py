"""Calls to models through the Cerebras API, from a typed question to a checked answer.

::

    client = CerebrasClient(endpoint_of(settings), connections=128)    # client, endpoint, connections
    await check_models(client, settings)                               # else ConfigurationError
    request = CompletionRequest(                                       # request
        model, system_prompt, payload, strict_schema(Judgement),       # schema
        Parameters(completion_limit(900, effort), effort),             # tokens
    )
    request.reserved_tokens                                            # of the limit per minute
    completion = await client.complete(request, timeout_s=10)          # text, usage, times, limits
    answer = read_answer(completion, Judgement)                        # replies
    await client.complete(request.repaired(invalid_answer), 10)        # the repair turn

``complete`` and ``read_answer`` raise the types of ``errors`` and nothing else: ``Rejected`` (permanent),
``RateLimited``, ``ProviderDown``, ``InvalidAnswer`` (transient, with the usage that was billed). They never
retry.
"""
