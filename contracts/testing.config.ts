/** The registry that `npm test` has brought up. @throws Error outside of it */
export function registryOfTheRun(env: NodeJS.ProcessEnv = process.env): string {
  const port = env['REGISTRY_PORT'];
  if (port === undefined) throw new Error('REGISTRY_PORT is set by `npm test`, which brings a registry up');
  return `http://127.0.0.1:${port}/apis/ccompat/v7`;
}
