/** At most six commands, to be pasted in this order, that end in a paid invoice. */
export function quickstart(url: string, apiKey: string): string[] {
  const post = (path: string, body: object) =>
    `curl -s ${url}/v1/${path} -H 'Authorization: Bearer ${apiKey}' -H 'Content-Type: application/json' -d '${JSON.stringify(body)}'`;
  return [
    post('customers', { external_id: 'ada', name: 'Ada', currency: 'EUR' }),
    post('customers/external:ada/payment_methods', {
      gateway: 'sandbox',
      token: 'tok_succeeds',
      default: true,
    }),
    post('plans', {
      external_id: 'pro',
      name: 'Pro',
      prices: [
        { key: 'base', model: 'flat', amount: { amount: '19.99', currency: 'EUR' }, interval: 'month' },
      ],
    }),
    post('subscriptions', { external_id: 'ada-pro', customer: 'external:ada', plan: 'external:pro' }),
    `curl -s '${url}/v1/invoices?customer=external:ada' -H 'Authorization: Bearer ${apiKey}'`,
  ];
}
