import type { Charge } from './book.ts';

/** The page a customer is sent to when a charge requires an action: what is asked, and two buttons. */
export function actionPage(charge: Charge): string {
  const asked = `
    <p>Confirm the payment of <strong>${escaped(charge.amount)} ${escaped(charge.currency)}</strong> for ${escaped(charge.description)}?</p>
    <form method="post" action="/v1/charges/${charge.ref}/action">
      <button name="result" value="succeed">Confirm</button>
      <button name="result" value="fail">Refuse</button>
    </form>`;
  const answered = `<p>This payment is <strong>${charge.status}</strong>. There is nothing left to do here.</p>`;
  return `<!doctype html>
<html lang="en">
  <head><meta charset="utf-8"><title>Sandbox gateway</title></head>
  <body>
    <h1>Sandbox gateway</h1>${charge.status === 'requires_action' ? asked : answered}
    <p><small>No real money moves here.</small></p>
  </body>
</html>
`;
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}
