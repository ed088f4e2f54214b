/** At most six commands, to be pasted in this order, that end in a paid invoice. They may be pasted again another day. */
export function quickstart(url: string, apiKey: string): string[] {
  const say = (command: string) =>
    `curl -sw '\\n' "${url}/v1/${command}" -H 'Authorization: Bearer ${apiKey}'`;
  const post = (path: string, body: object) =>
    `${say(path)} -H 'Content-Type: application/json' -d '${JSON.stringify(body)}'`;
  return [
    post('customers', { external_id: 'ada', name: 'Ada', currency: 'EUR' }),
    post('customers/external:ada/payment_methods', { gateway: 'sandbox', token: 'tok_succeeds' }),
    post('plans', {
      external_id: 'pro',
      name: 'Pro',
      prices: [
        { key: 'base', model: 'flat', unit_amount: '19.99', currency: 'EUR', interval: { unit: 'month' } },
      ],
    }),
    post('subscriptions', { external_id: 'ada-pro', customer: 'external:ada', plan: 'external:pro' }),
    say('invoices?customer=external:ada'),
  ];
}
