import { freePorts } from '#stack/ports';

const PORT_VARIABLES = [
  'MYSQL_PORT',
  'KAFKA_PORT',
  'REGISTRY_PORT',
  'CONNECT_PORT',
  'PAYMENT_API_PORT',
  'WALLET_PORT',
  'WORKER_PORT',
  'PSP_SIMULATOR_PORT',
] as const;

/** A free port for every server and process of ours, by its variable: what runs with them never touches a running system. */
export async function ownPorts(): Promise<Record<(typeof PORT_VARIABLES)[number], string>> {
  const ports = await freePorts(PORT_VARIABLES.length);
  return Object.fromEntries(PORT_VARIABLES.map((name, index) => [name, String(ports[index])])) as Record<
    (typeof PORT_VARIABLES)[number],
    string
  >;
}
