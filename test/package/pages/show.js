/** Leaves what some work gives, or its error, where the test finds it. */
export async function show(work) {
  const result = await work().catch((error) => ({ error: String(error.stack ?? error) }));
  document.documentElement.setAttribute('data-result', JSON.stringify(result));
}
